import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { pause } from './actor.ts';
import { runRounds } from './rounds.ts';
import { scenarios } from './scenarios.ts';
import { askAdmin, buckets, closeSite, openSite, withS3 } from './site.ts';

/** The real program; test/acceptance/crashes.sh does the same for as long as one likes. */
suite('the program as a process that is killed', () => {
  let directory = '';
  before(async () => (directory = await mkdtemp(path.join(tmpdir(), 'terrace-crashes-'))));
  after(() => rm(directory, { recursive: true }));

  test('has everything that it acknowledged, through both doors, after each of two kills', async () => {
    const moves = scenarios.find(({ name }) => name === 'moves');
    assert(moves !== undefined);
    const scenario = { ...moves, actors: { tree: 6, versions: 2, objects: 1, attached: 0 } };
    const lines: string[] = [];
    const summary = await runRounds({
      ...{ scenario, rounds: 2, seed: 1, operationsMax: 150 },
      directory: path.join(directory, 'rounds'),
      say: (line) => lines.push(line),
    });
    assert.equal(lines.length, 2);
    assert.equal(summary.kills.underLoad, 2);
    assert(summary.compared > 0);
    assert.equal(summary.scrub['corrupt'], 0);
  });

  test('ends when it is told to, although a move waits for a job that is paused', async () => {
    const site = await openSite(path.join(directory, 'stop'), []);
    try {
      const Body = Buffer.alloc(100_000, 'moved');
      const put = new PutObjectCommand({ Bucket: buckets.objects, Key: 'moved', Body });
      await withS3(site.gateway, (s3) => s3.ok((client) => client.send(put)));
      await askAdmin(site, { method: 'POST', path: '/v1/jobs/migrate/pause' });
      await askAdmin(site, {
        method: 'POST',
        path: '/v1/tiers/moves',
        body: { target: 'objects', to: 'warm' },
      });
      await askAdmin(site, { method: 'POST', path: '/v1/jobs/moves/run' });
      const isQueued = async (): Promise<boolean> => {
        const tiers = await askAdmin(site, { path: '/v1/tiers' });
        return (tiers?.['migrations'] as { readonly queued: number }).queued > 0;
      };
      while (!(await isQueued())) await pause(20);
      assert.equal(await site.gateway.stop(), 0);
      assert.deepEqual(site.gateway.errors(), []);
    } finally {
      await closeSite(site);
    }
  });
});
