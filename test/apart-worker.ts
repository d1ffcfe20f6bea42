import { workerData } from 'node:worker_threads';

const { module, name } = workerData as { readonly module: string; readonly name: string };
const checks = (await import(module)) as Readonly<Record<string, () => Promise<void>>>;
await checks[name]!();
