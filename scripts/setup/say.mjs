// What the set-up says: one line a step, a heartbeat while a step is long, the tail of the output when it fails.
import { spawn } from 'node:child_process';

const TAIL_LINES_MAX = 30;
const OUTPUT_CHARS_MAX = 64 * 1024;
const HEARTBEAT_MS = 10_000;

/** An expected failure: `message` is one sentence that says what to do, `output` what the tool said. */
export class SetupError extends Error {
  constructor(message, output = '') {
    super(message);
    this.output = output;
  }
}

export const notice = (text) => process.stdout.write(`${text}\n`);

/** Ends the process with the tail of the tool's output and one sentence; anything unexpected keeps its stack. */
export function failWith(failure) {
  if (!(failure instanceof SetupError)) throw failure;
  if (failure.output !== '') process.stderr.write(`${failure.output}\n\n`);
  process.stderr.write(`${failure.message}\n`);
  process.exit(1);
}

const tailOf = (output) => output.trimEnd().split('\n').slice(-TAIL_LINES_MAX).join('\n');

/**
 * Runs a tool quietly; what it prints is kept and shown only when it fails. `onOutput` sees it as it comes.
 * @param {{cwd: string, env?: Record<string, string | undefined>, failure: string, onOutput?: (text: string) => void}} options
 */
export function run(command, args, { cwd, env = process.env, failure, onOutput = () => {} }) {
  return new Promise((resolve, reject) => {
    let output = '';
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (text) => {
      output = (output + text).slice(-OUTPUT_CHARS_MAX);
      onOutput(text);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.once('error', (cause) => reject(new SetupError(failure, `${command}: ${cause.message}`)));
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output);
      else
        reject(
          new SetupError(
            failure,
            `${tailOf(output)}\n${command} ended with ${signal ?? `exit code ${code}`}.`,
          ),
        );
    });
  });
}

/** Says that the step began, every ten seconds that it goes on, and how long it took. */
export async function step(number, count, title, body) {
  const began = performance.now();
  const seconds = () => `${((performance.now() - began) / 1000).toFixed(0)} s`;
  let lastLine = '';
  const onOutput = (text) => {
    lastLine =
      text
        .trim()
        .split(/[\n\r]/)
        .at(-1)
        ?.trim() || lastLine;
  };
  notice(`[${number}/${count}] ${title} …`);
  const heartbeat = setInterval(
    () => notice(`[${number}/${count}] ${title} … ${seconds()}  ${lastLine.slice(0, 80)}`),
    HEARTBEAT_MS,
  );
  try {
    await body(onOutput);
  } finally {
    clearInterval(heartbeat);
  }
  notice(`[${number}/${count}] ${title}: done in ${seconds()}`);
}
