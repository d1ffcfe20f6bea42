import { Type, type Static } from '@sinclair/typebox';
import { tiers } from '../tiering/tier.ts';
import { presetNames, type PresetName } from './presets.ts';

/** A quantity or a duration as people write it: config/quantity.ts. */
const quantity = (description: string) =>
  Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.String({ maxLength: 32 })], { description }));
const rate = (description: string) => Type.Optional(Type.Number({ minimum: 0, description }));
const price = Type.Optional(Type.Number({ minimum: 0 }));

/**
 * A storage policy as operators write it: which objects it is about, and on which tier they belong by how busy they are.
 * What is not there comes from the preset.
 */
export const storagePolicyDocument = Type.Object(
  {
    target: Type.String({
      maxLength: 1100,
      description: 'BUCKET or BUCKET/PREFIX; of several policies about an object the longest target counts.',
    }),
    preset: Type.Optional(
      Type.Unsafe<PresetName>({
        type: 'string',
        enum: presetNames,
        description: 'Where everything else comes from that is not given. Default: balanced.',
      }),
    ),
    hotAboveIops: rate('An object with more reads and writes a second than this belongs on the hot tier.'),
    coldAtOrBelowIops: rate('With as many or fewer on the cold one, and between the two on the warm one.'),
    cooldown: quantity('How long an object stays after it was written or moved, as 30m, 1h or 7d.'),
    ecBytesMin: quantity(
      'Objects from this size on fill stripes of their own; smaller ones share them, as 1Mi.',
    ),
    pools: Type.Optional(
      Type.Array(Type.Unsafe<(typeof tiers)[number]>({ type: 'string', enum: tiers }), {
        minItems: 1,
        maxItems: tiers.length,
        uniqueItems: true,
        description: 'The tiers that may be used. Default: all that there are.',
      }),
    ),
    prices: Type.Optional(
      Type.Object(
        { hot: price, warm: price, cold: price },
        {
          additionalProperties: false,
          description: 'For a GiB and month, in any currency: for the estimate.',
        },
      ),
    ),
    heat: Type.Optional(
      Type.Object(
        {
          prometheus: Type.String({
            minLength: 1,
            maxLength: 4096,
            description: 'A query whose value is the IOPS of the whole target, in the place of own counters.',
          }),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
export type StoragePolicyDocument = Static<typeof storagePolicyDocument>;
