import { execFile } from 'node:child_process';
import { Fault } from '../fault.ts';
import { LOOKUP_BYTES_MAX, LOOKUP_MS_MAX } from '../limits/nfs.ts';
import type { Clock } from '../environment.ts';
import { Lookups } from './lookups.ts';
import type { GroupSource } from './nfs/groups.ts';

/** getent(1): the key is not in the database. */
const NOT_FOUND = 2;

/** Groups as this system knows them, files, LDAP and all, by `getent passwd` and `id -G`. */
export function systemGroups(clock: Pick<Clock, 'sleep'>): GroupSource {
  const lookups = new Lookups(clock);
  return {
    groupsOf: (uid) =>
      lookups.run(async () => {
        const account = await run('getent', ['passwd', String(uid)]);
        if (account === undefined) return [];
        const [name = ''] = account.split(':');
        const ids = await run('id', ['-G', '--', name]);
        return (ids ?? '')
          .split(/\s+/)
          .filter((id) => /^\d+$/.test(id))
          .map(Number);
      }),
  };
}

/** What a command says; `undefined` when it does not know. Fault('unavailable') when it fails otherwise. */
function run(command: string, args: readonly string[]): Promise<string | undefined> {
  const options = { timeout: LOOKUP_MS_MAX, maxBuffer: LOOKUP_BYTES_MAX, encoding: 'utf8' } as const;
  return new Promise((resolve, reject) => {
    execFile(command, args, options, (failure, output) => {
      if (failure === null) resolve(output);
      else if (failure.code === NOT_FOUND) resolve(undefined);
      else reject(new Fault('unavailable', 'request', `${command} ${args.join(' ')}: ${failure.message}`));
    });
  });
}
