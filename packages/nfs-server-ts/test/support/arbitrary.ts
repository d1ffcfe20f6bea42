import fc from 'fast-check';
import { handleBytesMax } from '../../src/attributes.ts';
import type { Codec, Shape } from '../../src/codec.ts';

/** Values that a codec can write, made from its shape. Most of their file handles are `handle`, if given. */
export const arbitraryOf = <T>(codec: Codec<T>, handle?: Uint8Array): fc.Arbitrary<T> =>
  ofShape(codec.shape, handle) as fc.Arbitrary<T>;

const bytes = (lengthMin: number, lengthMax: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: lengthMin, maxLength: lengthMax });

function ofShape(shape: Shape, handle: Uint8Array | undefined): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'void':
      return fc.constant({});
    case 'bool':
      return fc.boolean();
    case 'u32':
      return fc.nat({ max: 0xffff_ffff });
    case 'u64':
      return fc.maxSafeNat();
    case 'pieces':
      return bytes(0, 40).map((piece) => [piece]);
    case 'opaque':
      return opaqueOf(shape.length, handle);
    case 'fixed':
      return bytes(shape.length, shape.length);
    case 'enumeration':
      return fc.constantFrom(...shape.names);
    case 'optional':
      return fc.option(ofShape(shape.of, handle), { nil: undefined });
    case 'list':
      return fc.array(ofShape(shape.of, handle), { maxLength: 5 });
    case 'struct':
      return fc.record(
        mapValues(shape.members, (member) => ofShape(member, handle)),
        { noNullPrototype: true },
      );
    case 'union':
      return fc.oneof(
        ...Object.entries(shape.arms).map(([name, arm]) =>
          ofShape(arm, handle).map((members) => ({ [shape.tag]: name, ...(members as object) })),
        ),
      );
  }
}

function opaqueOf(lengthMax: number, handle: Uint8Array | undefined): fc.Arbitrary<Uint8Array> {
  const any = bytes(0, Math.min(lengthMax, 70));
  if (handle === undefined || lengthMax !== handleBytesMax) return any;
  return fc.oneof({ weight: 4, arbitrary: fc.constant(handle) }, { weight: 1, arbitrary: any });
}

const mapValues = <A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
