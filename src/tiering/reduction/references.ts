import type { KvTransaction } from '../../kv/kv.ts';
import { encodeCounts } from '../counts.ts';
import type { ChunkParts } from './parts.ts';
import type { FingerprintText } from './tables.ts';

/** Recipes name chunks, and so do deltas. Whose last reference goes is handed to the collector. */
export function changeReference(
  { tables, leads, touched }: Pick<ChunkParts, 'tables' | 'leads' | 'touched'>,
  tx: KvTransaction,
  { fingerprint, by }: { readonly fingerprint: FingerprintText; readonly by: 1 | -1 },
): void {
  touched.add(fingerprint);
  const merged = tx.merge(tables.references(fingerprint), encodeCounts([by]));
  if (by === 1) return;
  tx.whenCommitted(() => {
    if (merged.after === undefined) leads.chunk(fingerprint);
  });
}
