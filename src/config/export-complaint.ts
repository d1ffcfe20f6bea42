import { parseClient } from './export-client.ts';
import type { ExportRule, IdRange } from './export-rule.ts';
import { UsageError } from './usage-error.ts';

/** What is wrong with a rule that its schema cannot say, as half a sentence; `undefined`: nothing. */
export function complaintAbout({ clients, certificates, sec, uids, gids }: ExportRule): string | undefined {
  if (certificates.length > 0 && !sec.includes('mtls'))
    return 'certificates are shown only on connections of kind mtls: add mtls to sec';
  return (
    clients.map(wrongClient).find((it) => it !== undefined) ??
    wrongMap('uids', uids) ??
    wrongMap('gids', gids)
  );
}

/** A rule that nobody could ever meet. */
export function complaintAboutTls(
  { sec }: ExportRule,
  { certificate, authorities }: { readonly certificate?: string; readonly authorities?: string },
): string | undefined {
  if (
    sec.includes('sys') ||
    (certificate !== undefined && (sec.includes('tls') || authorities !== undefined))
  )
    return undefined;
  return certificate === undefined
    ? 'sec wants TLS, which is not set up: set nfs.tls.certificate and nfs.tls.key, or add sys'
    : 'sec wants certificates of clients, which nobody could have: set nfs.tls.authorities, or add tls';
}

function wrongClient(client: string): string | undefined {
  try {
    parseClient(client);
    return undefined;
  } catch (failure) {
    if (failure instanceof UsageError) return failure.message;
    throw failure;
  }
}

/** An id with two meanings in either direction could not be mapped back. */
function wrongMap(name: string, ranges: readonly IdRange[]): string | undefined {
  for (const [index, range] of ranges.entries()) {
    const twin = ranges
      .slice(0, index)
      .find((it) => overlaps(it, range, 'client') || overlaps(it, range, 'server'));
    if (twin !== undefined) return `${name} has two ranges for the same ids: let them not overlap`;
  }
  return undefined;
}

const overlaps = (one: IdRange, other: IdRange, side: 'client' | 'server'): boolean =>
  one[side] < other[side] + other.count && other[side] < one[side] + one.count;
