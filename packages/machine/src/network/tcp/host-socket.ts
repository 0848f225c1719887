/** The TCP connections of the computer that the machine runs on, as the user network uses them. */

/** One of them, of which the network is one end's user. It never calls its listener from within these methods. */
export interface HostSocket {
  /** Bytes written that the computer has not taken yet. */
  readonly backlog: number;
  write(bytes: Uint8Array): void;
  /** Nothing more will be written. */
  end(): void;
  /** Breaks the connection off. */
  destroy(): void;
  /** Tells no data for a while. */
  pause(): void;
  resume(): void;
}

/** Whom a host socket tells what happens to it, between two runs of the machine. */
export interface HostSocketListener {
  /** The connection asked for is there. */
  connected(): void;
  data(bytes: Uint8Array): void;
  /** The other end will send nothing more. */
  ended(): void;
  /** The backlog has become smaller. */
  drained(): void;
  /** The connection could not be made, or is broken. */
  failed(): void;
}

/** What the guest can reach of this computer. */
export interface HostNetwork {
  /** The guest connects to a port of the gateway; undefined where it may not, which is refused. The listener is called later. */
  connect(port: number, listener: HostSocketListener): HostSocket | undefined;
}
