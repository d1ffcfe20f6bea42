import assert from 'node:assert/strict';
import { ERASURE_INLINE_BYTES_MAX } from '../limits.ts';
import type { NativeErasure } from '../native.ts';
import { isStripeShape, type Erasure, type ShardPart, type StripeShape } from './erasure.ts';

/** `Erasure` in the native addon. */
export function nativeErasure(addon: NativeErasure): Erasure {
  return {
    encode: (shape, data) => {
      const present = data.map((bytes, index) => ({ index, bytes }));
      const wanted = Array.from({ length: shape.parity }, (_, index) => shape.data + index);
      return decode(addon, shape, { present, wanted });
    },
    decode: (shape, present, wanted) => decode(addon, shape, { present, wanted }),
    verify: (shape, shards) => {
      assert(isStripeShape(shape));
      assert.equal(shards.length, shape.data + shape.parity);
      return isSmall(shards)
        ? addon.erasureVerify(shape, shards)
        : addon.erasureVerifyElsewhere(shape, shards);
    },
  };
}

interface Decoding {
  readonly present: readonly ShardPart[];
  readonly wanted: readonly number[];
}

function decode(
  addon: NativeErasure,
  shape: StripeShape,
  { present, wanted }: Decoding,
): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
  assert(isStripeShape(shape));
  for (const index of [...wanted, ...present.map((part) => part.index)]) {
    assert(Number.isInteger(index) && index >= 0 && index < shape.data + shape.parity, `shard ${index}`);
  }
  const sources = present.map(({ bytes }) => bytes);
  const targets = wanted.map(() => Buffer.allocUnsafe(sources[0]?.length ?? 0));
  const have = Uint8Array.from(present, ({ index }) => index);
  const want = Uint8Array.from(wanted);
  if (isSmall(sources)) {
    assert(addon.erasureDecode(shape, have, sources, want, targets), notDetermined);
    return targets;
  }
  return addon.erasureDecodeElsewhere(shape, have, sources, want, targets).then((isDecoded) => {
    assert(isDecoded, notDetermined);
    return targets;
  });
}

const notDetermined = 'these shards do not determine the others';

const isSmall = (parts: readonly Uint8Array[]): boolean =>
  parts.reduce((sum, part) => sum + part.length, 0) <= ERASURE_INLINE_BYTES_MAX;
