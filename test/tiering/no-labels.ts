import type { BlobLabels } from '../../src/tiering/blob-labels.ts';

/** Of who knows nothing of what is in blobs. */
export const noLabels: BlobLabels = {
  labelsOf: async (ids) => ids.map(() => new Uint8Array(0)),
  shifted: async () => undefined,
  forget: () => undefined,
};
