import { connect, createServer, type Server, type Socket } from 'node:net';
import type { CompleteDevice, HostNetwork, HostSocket, HostSocketListener, Machine } from '@vgic/machine';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { Refusal } from './refusal.js';

/** A way through between this computer and the guest. Both ends are TCP ports; this computer's are of 127.0.0.1. */
export interface ForwardRequest {
  /** Who connects: the guest to 10.0.2.2:GUESTPORT, or somebody here to HOSTPORT. */
  from: 'guest' | 'host';
  guestPort: number;
  hostPort: number;
}

const LOOPBACK = '127.0.0.1';

/** Adds `--forward` to a command. */
export function addForwardOptions(command: Command): Command {
  return command.addOption(
    new Option(
      '--forward <way>',
      'guest:PORT[:HOSTPORT] leads 10.0.2.2:PORT of the guest to 127.0.0.1 here; host:HOSTPORT:PORT leads this port to the guest; may be repeated',
    )
      .argParser((text: string, before: ForwardRequest[]) => [...before, parseForward(text)])
      .default([], 'none'),
  );
}

export function parseForward(text: string): ForwardRequest {
  const [, from, first, , second = first] = /^(guest|host):(\d+)(:(\d+))?$/.exec(text) ?? [];
  const ports = [Number(first), Number(second)];
  const complete = from === 'guest' || (from === 'host' && text.split(':').length === 3);
  if (!complete || !ports.every((port) => port >= 1 && port <= 65_535))
    throw new InvalidArgumentError(
      'Write guest:PORT, guest:PORT:HOSTPORT or host:HOSTPORT:PORT, ports from 1 to 65535.',
    );
  return from === 'guest'
    ? { from, guestPort: ports[0], hostPort: ports[1] }
    : { from: 'host', hostPort: ports[0], guestPort: ports[1] };
}

/** The forwarded ports of a session: sockets of this computer for the first virtio-net-pci of a machine. */
export class Forwarding {
  /** Something has come from a socket. */
  onActivity: () => void = () => {};
  readonly #requests: readonly ForwardRequest[];
  readonly #slot: number;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #machine: Machine | undefined;

  /** Refusal when the machine has no network. */
  constructor(requests: readonly ForwardRequest[], devices: readonly CompleteDevice[]) {
    const network = devices.find(({ type }) => type === 'virtio-net-pci');
    if (network === undefined && requests.length > 0)
      throw new Refusal('--forward needs a network: --device virtio-net-pci is missing.');
    this.#requests = requests;
    this.#slot = network?.slot ?? 0;
  }

  /** What the guest can reach of this computer, by slot. */
  get networks(): Readonly<Record<number, HostNetwork>> {
    return { [this.#slot]: { connect: (port, listener) => this.#connect(port, listener) } };
  }

  /** Whether somebody here may still connect to the guest. */
  get listens(): boolean {
    return this.#servers.length > 0;
  }

  /** From now on connections lead to this machine; those of another before are broken off. */
  attach(machine: Machine): void {
    this.#machine = machine;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Begins to listen; Refusal when a port cannot be had. */
  async open(): Promise<void> {
    for (const { from, hostPort, guestPort } of this.#requests) {
      if (from !== 'host') continue;
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: false }, (socket) => {
        this.#machine?.connectToGuest(this.#slot, guestPort, (listener) => this.#wrap(socket, listener));
        this.onActivity();
      });
      this.#servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) =>
          reject(new Refusal(`Port ${hostPort} of ${LOOPBACK} cannot be listened on: ${reasonOf(error)}.`)),
        );
        server.listen(hostPort, LOOPBACK, resolve);
      });
    }
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(port: number, listener: HostSocketListener): HostSocket | undefined {
    const request = this.#requests.find(({ from, guestPort }) => from === 'guest' && guestPort === port);
    if (!request) return undefined;
    const socket = connect({ host: LOOPBACK, port: request.hostPort, allowHalfOpen: true });
    const wrapped = this.#wrap(socket, listener);
    socket.once('connect', () => {
      listener.connected();
      this.onActivity();
    });
    return wrapped;
  }

  #wrap(socket: Socket, listener: HostSocketListener): HostSocket {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    let over = false;
    const tell = (news: () => void) => () => {
      if (!over) news();
      this.onActivity();
    };
    socket.on('data', (data: Buffer) => tell(() => listener.data(data))());
    socket.on(
      'end',
      tell(() => listener.ended()),
    );
    // After an error the socket is closed, which tells the listener.
    socket.on('error', () => {});
    socket.on('close', (failed: boolean) => {
      this.#sockets.delete(socket);
      if (failed) tell(() => listener.failed())();
    });
    const drained = tell(() => listener.drained());
    return {
      get backlog() {
        return socket.writableLength;
      },
      write: (bytes) => {
        // The guest's bytes are copied before they can change.
        if (!socket.destroyed) socket.write(Buffer.from(bytes), () => setImmediate(drained));
      },
      end: () => socket.end(),
      destroy: () => {
        over = true;
        socket.resetAndDestroy();
      },
      pause: () => socket.pause(),
      resume: () => socket.resume(),
    };
  }
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') return 'another program does';
  return code === 'EACCES' ? 'permission is denied' : message;
}
