import { exportRule as schema, type ExportRule } from '../../src/config/export-rule.ts';
import { openExportRules, type ExportRules } from '../../src/exports/export-rules.ts';
import type { KvEngine } from '../../src/kv/engine.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { openOptimistic } from '../../src/kv/optimistic.ts';
import { Ajv } from 'ajv';

const complete = new Ajv({ useDefaults: true }).compile(schema);

/** A rule with the defaults that the config and the admin API fill in; for this machine unless told otherwise. */
export function ruleWith(given: Partial<ExportRule>): ExportRule {
  const rule = { clients: ['127.0.0.0/8'], ...structuredClone(given) };
  if (!complete(rule)) throw new Error(JSON.stringify(complete.errors));
  return rule;
}

/** Export rules over an engine in memory; what survives is in the engine. */
export function memoryExports(
  declared: readonly ExportRule[] = [],
  engine: KvEngine = new MemoryEngine(),
): Promise<ExportRules> {
  const stopped = (cause: unknown): never => {
    throw cause;
  };
  const merge = (): never => {
    throw new Error('exports merge nothing');
  };
  return openExportRules(openOptimistic(engine, { merge, stopped }), declared);
}
