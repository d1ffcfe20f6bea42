import { isIP } from 'node:net';
import { EXPORT_CLIENT_CHARS_MAX, EXPORT_CLIENT_STARS_MAX } from '../limits.ts';
import { parseNetwork } from './address.ts';
import { UsageError } from './usage-error.ts';

/** Whom an export rule names; as in exports(5), but for netgroups. */
export type ExportClient =
  | { readonly kind: 'everyone' }
  | { readonly kind: 'network'; readonly address: string; readonly bits: number }
  /** In lower case. */
  | { readonly kind: 'host'; readonly name: string }
  | { readonly kind: 'pattern'; readonly matches: (name: string) => boolean };

const label = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/;
const patternLabel = /^[a-z0-9_*?-]+$/;

/** `*`, an address, a network, a host name, or a pattern of host names such as `*.example.com`. Faults: UsageError. */
export function parseClient(text: string): ExportClient {
  if (text === '*') return { kind: 'everyone' };
  const [address = '', digits] = text.split('/');
  const family = isIP(address);
  if (family !== 0) {
    const bits = parseNetwork(text) === address ? (family === 4 ? 32 : 128) : Number(digits);
    return { kind: 'network', address, bits };
  }
  const name = text.toLowerCase();
  const labels = name.split('.');
  if (text.length > EXPORT_CLIENT_CHARS_MAX) throw notClient(text);
  // Names of digits only are mistyped addresses: no domain at the top is a number.
  if (/^\d*$/.test(labels.at(-1) ?? '')) throw notClient(text);
  if (labels.every((it) => label.test(it))) return { kind: 'host', name };
  const stars = name.split('*').length - 1;
  if (!/[*?]/.test(name) || stars > EXPORT_CLIENT_STARS_MAX || !labels.every((it) => patternLabel.test(it)))
    throw notClient(text);
  return { kind: 'pattern', matches: matcherOf(name) };
}

/** As in exports(5), `*` and `?` stand for dots as well, so that `*.example.com` holds hosts of its subdomains, too. */
function matcherOf(pattern: string): (name: string) => boolean {
  const source = pattern.replace(/\./g, '\\.').replace(/\*/g, '.*').replace(/\?/g, '.');
  const whole = new RegExp(`^${source}$`);
  return (name) => whole.test(name.toLowerCase());
}

const notClient = (text: string): UsageError =>
  new UsageError(
    `"${text}" is no client: write an address, a network like 10.0.0.0/8, a host name, a pattern like *.example.com, or * for everyone`,
  );
