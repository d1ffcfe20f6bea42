import { lookup, lookupService } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock } from '../environment.ts';
import { Lookups } from './lookups.ts';
import type { HostNames } from './nfs/host-names.ts';

/** There is no such name, or it has no address; any other code means that nobody answered. */
const absent: readonly string[] = ['ENOTFOUND', 'ENODATA', 'ENONAME'];

/** Names as this system resolves them: by /etc/hosts, DNS and whatever else its resolver is told to ask. */
export function systemNames(clock: Pick<Clock, 'sleep'>): HostNames {
  const lookups = new Lookups(clock);
  return {
    addressesOf: (name) =>
      lookups.run(() =>
        lookup(name, { all: true }).then((found) => found.map(({ address }) => address), emptyIfAbsent),
      ),
    // Without a name, some systems say the address itself.
    namesOf: (address) =>
      lookups.run(() =>
        lookupService(address, 0).then(
          ({ hostname }) => (isIP(hostname) === 0 ? [hostname] : []),
          emptyIfAbsent,
        ),
      ),
  };
}

function emptyIfAbsent(failure: NodeJS.ErrnoException): readonly string[] {
  if (absent.includes(failure.code ?? '')) return [];
  throw failure;
}
