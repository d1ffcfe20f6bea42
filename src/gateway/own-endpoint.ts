import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import type { Address } from '../config/address.ts';

const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/**
 * Whether an endpoint is where the S3 door of this very gateway listens, as far as this machine can tell: what comes back through a
 * proxy or another name server looks like any other store. AWS, without an endpoint, never is.
 */
export async function isOwnEndpoint(
  endpoint: string | undefined,
  own: Address | undefined,
): Promise<boolean> {
  if (endpoint === undefined || own === undefined) return false;
  const { hostname, port, protocol } = new URL(endpoint);
  const wanted = Number(port === '' ? usualPorts[protocol] : port);
  if (wanted !== own.port) return false;
  const found = await lookup(hostname.replace(/^\[|\]$/g, ''), { all: true }).catch(() => []);
  const addresses = found.map(({ address }) => address);
  if (addresses.some((address) => address === own.host)) return true;
  return EVERYWHERE.has(own.host) && addresses.some((address) => isLocal(address));
}

const usualPorts: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

const isLocal = (address: string): boolean =>
  EVERYWHERE.has(address) ||
  Object.values(networkInterfaces()).some((some) => some?.some((each) => each.address === address));
