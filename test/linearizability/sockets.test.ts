import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { RealGateway } from './real-gateway.ts';
import { realRound } from './real-round.ts';

const ROUNDS = Number(process.env['HISTORY_ROUNDS'] ?? 8);
const KILLS = Number(process.env['HISTORY_KILLS'] ?? 2);

suite('one history for both doors of the program itself', () => {
  let gateway: RealGateway;
  before(async () => (gateway = await RealGateway.open({ warm: 3 })));
  after(() => gateway.close());

  const rounds = [
    { name: 'clients over sockets', first: 1, count: ROUNDS, kills: false, moves: false },
    { name: 'clients while content moves', first: 1001, count: ROUNDS, kills: false, moves: true },
    { name: 'clients of a process that is killed', first: 2001, count: KILLS, kills: true, moves: true },
  ];
  for (const { name, first, count, kills, moves } of rounds) {
    test(`each answer to ${name} is one of a single order of all calls`, async () => {
      for (let seed = first; seed < first + count; seed += 1)
        await realRound(gateway, { seed, kills, moves });
      if (moves && !kills) assert((await gateway.migrations()) > 0, 'content has moved meanwhile');
    });
  }
});
