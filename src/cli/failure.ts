import { formatAddress, type Address } from '../config/address.ts';
import type { Config } from '../config.ts';
import { UsageError } from '../config/usage-error.ts';
import { Fault } from '../fault.ts';

/** What Node adds to an error of the operating system. */
interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
  readonly address?: string;
  readonly port?: number;
}

const isSystemError = (failure: unknown): failure is SystemError =>
  failure instanceof Error && 'syscall' in failure && 'code' in failure;

/** One sentence for an expected failure; the stack for one that nobody expected. */
export function sentenceOf(failure: unknown): string {
  if (failure instanceof UsageError) return failure.message;
  if (failure instanceof Fault) return failure.detail;
  if (isSystemError(failure)) return `The operating system refused: ${failure.message}`;
  const stack = failure instanceof Error ? (failure.stack ?? failure.message) : String(failure);
  return `An unexpected failure, please report it: ${stack}`;
}

const listenReasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use: stop the program that listens there, or choose another',
  EACCES: 'may not be used by this user: choose another',
  EADDRNOTAVAIL: 'is no address of this machine: choose another',
  ENOTFOUND: 'is no address of this machine: choose another',
};

/** A failure to listen, told with the flag that chooses another address; anything else stays as it is. */
export function explainListen(failure: unknown, { s3, nfs, admin }: Config): unknown {
  if (!isSystemError(failure) || !['listen', 'bind', 'getaddrinfo'].includes(failure.syscall)) return failure;
  const doors = { '--s3': s3.address, '--nfs': nfs.address, '--admin': admin.address };
  const isMeant = ({ host, port }: Address): boolean =>
    failure.port === undefined ? (failure as { hostname?: string }).hostname === host : failure.port === port;
  const [flag, address] = Object.entries(doors).find(([, it]) => isMeant(it)) ?? [];
  const reason = listenReasons[failure.code];
  if (flag === undefined || address === undefined || reason === undefined) return failure;
  const sentence = `The address ${formatAddress(address)} ${reason} with ${flag} HOST:PORT (port 0: any free one)`;
  return new Fault('unavailable', 'request', sentence, { cause: failure });
}
