import type { Slice } from '../../storage-policy/survey.ts';
import type { PackedBecause } from '../../tiering/native-layout/native-layout.ts';
import type { Tiers } from '../../tiering/tiers.ts';

/** What is said of how a slice lies in the cold tier; nothing of one that has no copy there. */
export interface ColdFormAnswer {
  /** In the bucket of the cold store. */
  readonly coldKey?: string;
  readonly sentence?: string;
}

/** By its first blob that has a copy there. */
export async function coldFormAnswer(
  tiers: Pick<Tiers, 'coldFormOf'>,
  { blobs }: Pick<Slice, 'blobs'>,
): Promise<ColdFormAnswer> {
  const blob = blobs.find((it) => it.tiers.includes('cold'));
  const form = blob && (await tiers.coldFormOf(blob.id));
  if (form?.kind === 'own-key')
    return { coldKey: form.key, sentence: `In the cold store it is the object ${form.key}.` };
  if (form?.kind !== 'packed' || form.because === undefined) return {};
  return { sentence: `In the cold store it is packed: ${sentences[form.because]}.` };
}

const sentences: Readonly<Record<PackedBecause, string>> = {
  gone: 'no object of this name shows it',
  part: 'this content is a part of what was written elsewhere, or of an upload that is not complete',
  version: 'it is an old version, and what lies under the key of an object is the current one',
  'client-key':
    'it is encrypted with a key that clients name (SSE-KMS, SSE-C), which the cold store does not have',
  attached: 'its bucket shows what lies in another store',
  name: 'its key or its metadata cannot be said in a request of S3, or are the gateway’s own',
  'too-long': 'an upload in parts has no room for so many bytes',
  refused: 'the cold store refuses its key (see the log)',
  unsealed:
    'it is to be encrypted wherever it lies (SSE-S3), and the cold store does not say that it does so',
};
