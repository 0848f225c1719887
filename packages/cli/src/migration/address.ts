import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';

/** Where a machine goes to or comes from. */
export type Address =
  | { kind: 'unix'; path: string }
  | { kind: 'tcp'; host: string; port: number }
  | { kind: 'file'; path: string };

/** Linux: sun_path has 108 bytes, the last of them 0. */
const LONGEST_SOCKET_PATH = 107;
const FORMS = 'write unix:PATH, tcp:HOST:PORT or file:PATH';

/** `unix:PATH`, `tcp:HOST:PORT` (an IPv6 address in brackets), `file:PATH`; InvalidArgumentError with a sentence otherwise. */
export function parseAddress(text: string): Address {
  const [, kind, rest] = /^(unix|tcp|file):(.+)$/s.exec(text) ?? [];
  if (kind === 'file') return { kind, path: rest };
  if (kind === 'unix') return { kind, path: socketPath(rest) };
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(rest ?? '') ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (kind !== 'tcp' || host === undefined) throw new InvalidArgumentError(`It is no address; ${FORMS}.`);
  if (bracketed !== undefined && isIP(bracketed) !== 6)
    throw new InvalidArgumentError('In brackets goes an IPv6 address.');
  if (port > 65535) throw new InvalidArgumentError('A port is at most 65535.');
  return { kind, host, port };
}

/** The path of a unix socket; InvalidArgumentError when there can be none. */
export function socketPath(path: string): string {
  if (path === '') throw new InvalidArgumentError('It is empty.');
  const length = Buffer.byteLength(path);
  if (length > LONGEST_SOCKET_PATH) {
    throw new InvalidArgumentError(
      `The path of a socket has at most ${LONGEST_SOCKET_PATH} bytes, this one ${length}.`,
    );
  }
  return path;
}

export function formatAddress(address: Address): string {
  if (address.kind !== 'tcp') return `${address.kind}:${address.path}`;
  return `tcp:${isIP(address.host) === 6 ? `[${address.host}]` : address.host}:${address.port}`;
}
