import type { AuditTrail } from '../../src/audit/trail.ts';

/** For tests of something else. */
export const emptyTrail: AuditTrail = {
  page: async () => ({ rows: [], next: undefined, removed: { refusals: 0, changes: 0, bypasses: 0 } }),
  step: async () => 'idle',
};
