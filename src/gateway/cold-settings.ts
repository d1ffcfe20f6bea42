import type { Config } from '../config.ts';
import type { ColdSettings } from '../tiering/cold/open-cold-store.ts';

/** What the config says of the cold store; `undefined`: there is none. */
export function coldSettings({
  cold,
  reduction,
}: Pick<Config, 'cold' | 'reduction'>): ColdSettings | undefined {
  const { url, accessKeyId, secretAccessKey, ec, requests, recallDays, recallSpeed } = cold;
  if (url === undefined) return undefined;
  const hasKeys = accessKeyId !== undefined && secretAccessKey !== undefined;
  return {
    place: url,
    credentials: hasKeys ? { accessKeyId, secretAccessKey } : undefined,
    storageClass: cold.storageClass,
    layout: cold.layout,
    shape: ec,
    imageBytesMax: reduction.segmentBytes,
    requestsMax: requests,
    recall: { days: recallDays, speed: recallSpeed },
  };
}
