import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runRounds, type RunSummary } from './rounds.ts';
import { scenarios } from './scenarios.ts';

const usage = `Usage: test/acceptance/crashes.sh ROUNDS [--scenario NAME] [--seed N] [--operations N] [--s3load PROGRAM] [--keep] [--json]

ROUNDS of each scenario, or of the one that is named:
${scenarios.map(({ name, says }) => `  ${name.padEnd(9)} ${says}`).join('\n')}
--seed decides what the clients do and when the gateway is killed; --operations how many are acknowledged before that at most.
--s3load adds a flood of PUTs by that load generator, which compares what was acknowledged by itself.
--keep leaves the data of a scenario that fails where they are. --json prints one object for each scenario.`;

const roundsMax = 1000;
const operationsMaximum = 100_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scenario: { type: 'string' },
    seed: { type: 'string', default: '1' },
    operations: { type: 'string', default: '1500' },
    s3load: { type: 'string' },
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const [rounds, seed, operationsMax] = [
  Number(positionals[0]),
  Number(values.seed),
  Number(values.operations),
];
const chosen = scenarios.filter(({ name }) => values.scenario === undefined || name === values.scenario);
const isUsable =
  positionals.length === 1 &&
  rounds >= 1 &&
  rounds <= roundsMax &&
  Number.isSafeInteger(seed) &&
  operationsMax >= 1 &&
  operationsMax <= operationsMaximum &&
  chosen.length > 0;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** For people: what was done, and that nothing was lost. */
function describe(summary: RunSummary): string {
  const {
    scenario,
    rounds: done,
    kills,
    acknowledged,
    refused,
    unanswered,
    sentAgain,
    compared,
    scrub,
  } = summary;
  const sum = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((total, each) => total + each, 0);
  return [
    `${scenario}: ${done} rounds, seed ${summary.seed}, ${summary.seconds} s`,
    `  kills: ${kills.underLoad} under load, ${kills.whileStarting} while starting, ${kills.ofTheColdStore} of the cold store`,
    `  operations: ${sum(acknowledged)} acknowledged, ${unanswered} without an answer, ${sum(refused)} told to come again`,
    `  names compared through both doors: ${compared}; unstable writes sent again: ${sentAgain}`,
    `  beside them: ${
      Object.entries(summary.beside)
        .map(([name, count]) => `${name} ${count}`)
        .join(', ') || 'nothing'
    }; migrations: ${summary.migrations}`,
    `  starts: ${summary.startMs.median} ms in the median, ${summary.startMs.max} ms at most`,
    `  scrub: ${String(scrub['checked'])} checked, ${String(scrub['corrupt'])} corrupt, ${String(scrub['unrecoverable'])} unrecoverable`,
    '  lost: nothing',
  ].join('\n');
}

async function runAll(): Promise<number> {
  for (const scenario of chosen) {
    const directory = await mkdtemp(path.join(tmpdir(), 'terrace-crashes-'));
    const say = (line: string): void => {
      if (!values.json) print(line);
    };
    say(`\n== ${scenario.name}: ${scenario.says}; seed ${seed}`);
    let isDone = false;
    try {
      const { s3load } = values;
      const flood = s3load === undefined ? {} : { s3load };
      const summary = await runRounds({ scenario, rounds, seed, directory, operationsMax, say, ...flood });
      isDone = true;
      print(values.json ? JSON.stringify(summary) : describe(summary));
    } catch (cause) {
      print(
        `${scenario.name}, seed ${seed}: FAILED: ${cause instanceof Error ? cause.stack : String(cause)}`,
      );
      return 1;
    } finally {
      if (isDone || !values.keep) await rm(directory, { recursive: true });
      else print(`Its data are in ${directory}`);
    }
  }
  return 0;
}

if (isUsable) {
  process.exit(await runAll());
}
process.stderr.write(`${usage}\n`);
process.exit(2);
