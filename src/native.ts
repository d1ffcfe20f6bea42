import { createRequire } from 'node:module';

/** What the addon exports (native/bridge). Each part is described where its port is implemented. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface NativeAddon {}

/** Loads the addon that `npm run build:native` made. */
export function loadNative(): NativeAddon {
  return createRequire(import.meta.url)('../../native/terrace.node') as NativeAddon;
}
