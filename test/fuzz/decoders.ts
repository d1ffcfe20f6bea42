import { configDecoders } from './config-decoders.ts';
import type { Decoder } from './decoder.ts';
import { liveDecoders } from './live-decoders.ts';
import { s3Decoders } from './s3-decoders.ts';
import { storeDecoders } from './store-decoders.ts';
import { tierDecoders } from './tier-decoders.ts';

/** Everything that reads bytes of others, but for RPC and XDR, whose fuzzers are in `packages/nfs-server-ts/test/`. */
export const allDecoders = async (): Promise<readonly Decoder[]> => [
  ...s3Decoders,
  ...configDecoders,
  ...(await storeDecoders()),
  ...(await tierDecoders()),
  ...liveDecoders,
];
