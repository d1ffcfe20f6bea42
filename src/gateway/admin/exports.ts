import { Type, type Static } from '@sinclair/typebox';
import { exportName, exportRule } from '../../config/export-rule.ts';

/** Answers hold every member; those of the config have no name. */
export const exportSchema = Type.Object({
  name: Type.Optional(Type.String()),
  rule: exportRule,
  /** It stands in the config and goes only with it. */
  declared: Type.Boolean(),
});
export type ExportAnswer = Static<typeof exportSchema>;
export const exportListSchema = Type.Object({ exports: Type.Array(exportSchema) });
export const exportPath = Type.Object({ export: exportName() });
