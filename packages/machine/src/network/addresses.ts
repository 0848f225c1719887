/**
 * The addresses of the user network: as QEMU's user-mode networking (slirp) lays them out, so that guests set up for that
 * find their way. IPv4 addresses are 32-bit numbers, MAC addresses six bytes.
 */

export const NETWORK = {
  /** 10.0.2.0/24 */
  prefix: 0x0a00_0200,
  mask: 0xffff_ff00,
  /** 10.0.2.2: router, DHCP server, and the host as far as forwarding lets it be reached. */
  gateway: 0x0a00_0202,
  /** 10.0.2.15: what DHCP gives the guest. */
  guest: 0x0a00_020f,
  broadcast: 0x0a00_02ff,
} as const;

export const GATEWAY_MAC: Mac = [0x52, 0x55, 0x0a, 0x00, 0x02, 0x02];
export const BROADCAST_MAC: Mac = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/** 255.255.255.255 */
export const BROADCAST_IP = 0xffff_ffff;

/** Largest IPv4 packet on the link. */
export const MTU = 1500;

export type Mac = readonly number[];

/** `52:54:00:12:34:56`, or undefined when the text is no MAC address of one station. */
export function parseMac(text: unknown): Mac | undefined {
  if (typeof text !== 'string' || !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return undefined;
  const mac = text.split(':').map((part) => Number.parseInt(part, 16));
  return mac[0] & 1 || mac.every((byte) => byte === 0) ? undefined : mac;
}

export function sameMac(one: Mac, other: Mac): boolean {
  return one.every((byte, at) => byte === other[at]);
}

/** Whether a host of the network may have this address, the gateway apart. */
export function isGuestAddress(ip: number): boolean {
  const { prefix, mask, gateway, broadcast } = NETWORK;
  return (ip & mask) >>> 0 === prefix && ip !== gateway && ip !== broadcast && ip !== prefix;
}
