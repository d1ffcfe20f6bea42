import path from 'node:path';
import { eraseWarmDisk } from '../gateway/erase-disk.ts';
import type { Command } from './command.ts';

/** Works on this machine, without a gateway. */
export const warmErase: Command = {
  name: 'warm erase',
  operands: ['DISK'],
  summary: 'Erases a block device, so that a warm pool takes it. All that is on it is lost.',
  flags: [{ name: '--yes', description: 'Erase it; without this, only what is on it is shown.' }],
  notes: ['A disk that is mounted, or a device of a gateway that runs, is refused.'],
  async run(cli, flags, operands) {
    const place = path.resolve(operands[0] ?? '');
    const { content, isErased } = await eraseWarmDisk(place, { isSure: flags.has('--yes') });
    if (content === undefined) cli.out(`${place} is empty.`);
    else if (isErased) cli.out(`${place} carried ${content} and is empty now.`);
    else {
      cli.error(`${place} carries ${content}: to lose all of it, say terrace warm erase ${place} --yes.`);
      return 1;
    }
    return 0;
  },
};
