import { Ajv, type ValidateFunction } from 'ajv';
import assert from 'node:assert/strict';
import { complaintAbout } from '../config/export-complaint.ts';
import { exportRule, type ExportRule } from '../config/export-rule.ts';
import { Fault } from '../fault.ts';
import type { Kv } from '../kv/kv.ts';
import { EXPORT_RULES_MAX, PAGE_ENTRIES_MAX } from '../limits.ts';
import { decodeExport, encodeExport, exportKey, exportRange, nameOfExportKey } from './records.ts';

export interface NamedRule {
  /** `undefined` for one of the config. */
  readonly name: string | undefined;
  readonly rule: ExportRule;
}

/**
 * The export rules: those of the config, and those that were made at run time. Changes are durable when they resolve and count
 * from then on, for clients that have mounted as well. Faults have the subject 'export' and a sentence as detail.
 */
export interface ExportRules {
  /** Those made at run time first, by name, then those of the config in their order. The same array until something changes. */
  list(): readonly NamedRule[];
  /** Adds the rule or replaces the one of that name. Fault('invalid-argument'), Fault('quota-exceeded'). */
  put(name: string, rule: ExportRule): Promise<void>;
  /** Fault('not-found'). */
  remove(name: string): Promise<void>;
}

let validate: ValidateFunction<ExportRule> | undefined;

/** Fills in defaults. Compiled at the first use, and without a check of our own schema: a start has most often no rule to read. */
function complete(rule: ExportRule): boolean {
  const options = { strict: true, useDefaults: true, validateSchema: false, meta: false };
  validate ??= new Ajv(options).compile<ExportRule>(exportRule);
  return validate(rule);
}

export async function openExportRules(kv: Kv, declared: readonly ExportRule[]): Promise<ExportRules> {
  const book = new RuleBook(kv, declared);
  for await (const page of kv.scan(exportRange(), { pageEntries: PAGE_ENTRIES_MAX })) {
    for (const { key, value } of page) book.adopt(nameOfExportKey(key), ruleOf(decodeExport(value)));
  }
  return book;
}

function ruleOf(json: string): ExportRule {
  const rule = JSON.parse(json) as ExportRule;
  assert(complete(rule), 'export record that is no rule');
  return rule;
}

class RuleBook implements ExportRules {
  readonly #kv: Kv;
  readonly #declared: readonly NamedRule[];
  readonly #made = new Map<string, ExportRule>();
  #list: readonly NamedRule[];

  constructor(kv: Kv, declared: readonly ExportRule[]) {
    this.#kv = kv;
    this.#declared = declared.map((rule) => ({ name: undefined, rule }));
    this.#list = this.#declared;
  }

  list(): readonly NamedRule[] {
    return this.#list;
  }

  async put(name: string, rule: ExportRule): Promise<void> {
    const complaint = complaintAbout(rule);
    if (complaint !== undefined)
      throw new Fault('invalid-argument', 'export', `The export ${name}: ${complaint}.`);
    await this.#kv.transact('durable', async (tx) => {
      const isNew = !this.#made.has(name) && (await tx.get(exportKey(name))) === undefined;
      if (isNew && this.#made.size >= EXPORT_RULES_MAX)
        throw new Fault(
          'quota-exceeded',
          'export',
          `There are ${EXPORT_RULES_MAX} exports already: no more fit.`,
        );
      tx.put(exportKey(name), encodeExport(JSON.stringify(rule)));
      tx.whenCommitted(() => this.adopt(name, rule));
    });
  }

  async remove(name: string): Promise<void> {
    await this.#kv.transact('durable', async (tx) => {
      if ((await tx.get(exportKey(name))) === undefined)
        throw new Fault(
          'not-found',
          'export',
          `There is no export ${name}; those of the config go only with it.`,
        );
      tx.delete(exportKey(name));
      tx.whenCommitted(() => {
        this.#made.delete(name);
        this.#arrange();
      });
    });
  }

  adopt(name: string, rule: ExportRule): void {
    this.#made.set(name, rule);
    this.#arrange();
  }

  #arrange(): void {
    const made = [...this.#made].map(([name, rule]) => ({ name, rule }));
    made.sort((one, other) => (one.name < other.name ? -1 : 1));
    this.#list = [...made, ...this.#declared];
  }
}
