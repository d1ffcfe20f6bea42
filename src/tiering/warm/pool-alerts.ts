import type { Member } from './member.ts';
import type { Members } from './members.ts';
import { NOWHERE } from './records.ts';
import type { RoundProgress } from './repair-work.ts';
import { shapeText, widthOf } from './shape.ts';
import type { Stripes } from './stripes.ts';

/** Something that an operator should know. `critical`: data or service is in danger now. */
export interface PoolAlert {
  readonly severity: 'note' | 'degraded' | 'critical';
  /** One sentence. */
  readonly text: string;
}

/** Devices in one sentence; more are counted. */
const NAMED_MAX = 3;

export interface AlertSources {
  readonly stripes: Stripes;
  readonly repair: RoundProgress;
  /** Shards that a sweep left there because the rows may be too old to know them. */
  readonly unknownOn: (member: Member) => number;
}

export function poolAlerts(
  members: Members,
  { stripes, repair, unknownOn }: AlertSources,
): readonly PoolAlert[] {
  return [
    ...shapeAlerts(members),
    ...members.all().flatMap((member) => [...deviceAlerts(member, stripes)]),
    ...shardAlerts(stripes, repair),
    ...parityAlerts(members, stripes),
    ...unknownAlerts(members, unknownOn),
    ...volumeAlerts(members),
  ];
}

function* shapeAlerts(members: Members): Generator<PoolAlert> {
  const { configured } = members;
  const shape = members.shape();
  const present = members.all().filter(({ isPresent }) => isPresent).length;
  const expected = members.all().filter(({ isExpected }) => isExpected).length;
  const wanted = `${shapeText(configured)} needs ${widthOf(configured)} devices`;
  if (shape === undefined) {
    const why = present === 0 ? 'no device answers' : `too few of its devices answer and have room`;
    yield { severity: 'critical', text: `The warm pool takes no new content: ${why}, and ${wanted}.` };
    return;
  }
  if (widthOf(shape) === widthOf(configured)) return;
  if (shape.parity < configured.parity) {
    const survives = shape.parity === 0 ? 'no device' : `${shape.parity} of them`;
    const text = `The warm pool has ${expected} devices and ${wanted}: new content is kept as ${shapeText(shape)}, and ${survives} may be lost.`;
    yield { severity: 'critical', text };
  } else {
    const text = `The warm pool has ${present} devices that answer and ${wanted}: new content is kept as ${shapeText(shape)}, just as safe, in more space.`;
    yield { severity: 'degraded', text };
  }
}

function* deviceAlerts(member: Member, stripes: Stripes): Generator<PoolAlert> {
  const { path, number, state } = member.record;
  if (member.isMissing && state !== 'draining') {
    const { shards } = stripes.useOf(number);
    const text = `The warm device ${path} with ${shards} shards is missing (${member.absence}): bring it back, or run terrace warm replace ${path} NEW.`;
    yield { severity: 'degraded', text };
  } else if (member.isReadOnly && state !== 'draining') {
    const { shards } = stripes.useOf(number);
    const text = `The warm device ${path} with ${shards} shards can be read and takes no writes: look at it, or run terrace warm replace ${path} NEW.`;
    yield { severity: 'degraded', text };
  } else if (member.isStalled || member.isResting) {
    const text = `The warm device ${path} ${member.isStalled ? 'does not answer' : 'fails'}: look at it, or run terrace warm replace ${path} NEW.`;
    yield { severity: 'degraded', text };
  }
}

function* shardAlerts(stripes: Stripes, { lost, waiting }: RoundProgress): Generator<PoolAlert> {
  const nowhere = stripes.useOf(NOWHERE).shards;
  if (lost > 0) {
    const text = `${lost} segments of the warm pool have lost more shards than they can: bring back the devices that are missing.`;
    yield { severity: 'critical', text };
  }
  if (waiting > 0) {
    const text = `${waiting} segments of the warm pool have shards that no device has room for: add one with terrace warm add PATH.`;
    yield { severity: 'degraded', text };
  } else if (nowhere > 0) {
    yield {
      severity: 'degraded',
      text: `${nowhere} shards of the warm pool are missing, and are made anew.`,
    };
  }
}

function* parityAlerts({ configured }: Members, stripes: Stripes): Generator<PoolAlert> {
  const weak = stripes.countBelow(configured.parity);
  if (weak === 0) return;
  const text = `${weak} segments of the warm pool have less parity than ${shapeText(configured)}: they are written anew when ${configured.parity + 1} devices or more are there.`;
  yield { severity: 'degraded', text };
}

/** A write that a crash has cut off leaves a few; many mean that the metadata is older than the devices. */
function* unknownAlerts(members: Members, unknownOn: AlertSources['unknownOn']): Generator<PoolAlert> {
  const shards = members.all().reduce((sum, member) => sum + unknownOn(member), 0);
  if (shards === 0) return;
  const text = `The warm devices hold ${shards} shards of segments that are newer than all that the metadata knew at the start: they are left until the next start. If the metadata was restored from an older copy, stop the gateway and restore a newer one; after a crash a few are no harm.`;
  yield { severity: 'degraded', text };
}

/** Devices that fail together. */
function* volumeAlerts(members: Members): Generator<PoolAlert> {
  const there = members.all().filter(({ isMissing }) => !isMissing);
  for (const volume of new Set(there.map(({ space }) => space.volume))) {
    const sharing = there.filter(({ space }) => space.volume === volume);
    if (sharing.length < 2) continue;
    const paths = sharing.map(({ record }) => record.path);
    const more = paths.length > NAMED_MAX ? ` and ${paths.length - NAMED_MAX} more` : '';
    const text = `The warm devices ${paths.slice(0, NAMED_MAX).join(', ')}${more} lie on one file system and fail together.`;
    yield { severity: 'note', text };
  }
}
