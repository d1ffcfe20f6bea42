import { Worker } from 'node:worker_threads';

/**
 * Runs a check, which a module exports under `name`, in a thread of its own, and rejects with what it throws. The test runner
 * follows every promise of its own thread by hooks: for checks that make millions of them, most of the time.
 */
export async function apart(module: URL, name: string): Promise<void> {
  const worker = new Worker(new URL('./apart-worker.js', import.meta.url), {
    workerData: { module: module.href, name },
  });
  await new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`the thread of ${name} ended with ${code}`));
    });
  });
}
