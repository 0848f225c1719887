import type { Mac } from '../network/addresses.js';
import { LONGEST_FRAME } from '../network/frame-queue.js';
import type { HostNetwork } from '../network/tcp/host-socket.js';
import { checkUserNetworkState, UserNetwork, type UserNetworkState } from '../network/user-network.js';
import type { Chain } from './chain.js';
import type { VirtioDevice, VirtioHost } from './device.js';

/** The network device: VIRTIO 1.2, section 5.1; without offloads. */

const FEATURE = { mac: 5, status: 16 } as const;
const QUEUE = { receive: 0, transmit: 1 } as const;
const LINK_UP = 1;
/** The header of every packet (5.1.6); `num_buffers`, its last field, is 1 for a packet received. */
const HEADER_LENGTH = 12;
const BUFFERS_OFFSET = 10;

/** A network card, and the network that it is plugged into. */
export class VirtioNet implements VirtioDevice {
  readonly type = 1;
  readonly classCode = 0x02_0000;
  readonly features = Object.values(FEATURE);
  readonly queueSizes = [256, 256];
  readonly configuration: Uint8Array;
  readonly network: UserNetwork;

  constructor(mac: Mac, host: VirtioHost, network?: HostNetwork) {
    this.configuration = Uint8Array.from([...mac, LINK_UP, 0]);
    this.network = new UserNetwork(mac, () => host.now(), network);
  }

  get deadline(): number {
    return this.network.deadline;
  }

  advance(now: number): void {
    this.network.advance(now);
  }

  wants(queue: number): boolean {
    return queue === QUEUE.transmit || this.network.hasFrame;
  }

  use(queue: number, chain: Chain): number {
    if (queue === QUEUE.receive) return this.#receive(chain);
    const length = chain.readableLength - HEADER_LENGTH;
    if (length > 0 && length <= LONGEST_FRAME) this.network.receive(chain.read(HEADER_LENGTH, length));
    return 0;
  }

  reset(): void {
    this.network.dropArrived();
  }

  save(): UserNetworkState {
    return this.network.save();
  }

  check(state: unknown): string | undefined {
    return checkUserNetworkState(state);
  }

  restore(state: object): void {
    this.network.restore(state as UserNetworkState);
  }

  /** A buffer too small for its frame comes back empty, and the frame is lost: a driver offers enough (5.1.6.3.1). */
  #receive(chain: Chain): number {
    const frame = this.network.takeFrame()!;
    const packet = new Uint8Array(HEADER_LENGTH + frame.length);
    packet[BUFFERS_OFFSET] = 1;
    packet.set(frame, HEADER_LENGTH);
    return packet.length <= chain.writableLength ? chain.write(0, packet) : 0;
  }
}
