import assert from 'node:assert/strict';
import type { RecordReader, RecordWriter } from '../codec.ts';
import type { BucketRules, ObjectLock } from './version.ts';

const retentionModes = ['GOVERNANCE', 'COMPLIANCE'] as const;
const versionings = ['off', 'enabled', 'suspended'] as const;
const retentionUnits = ['days', 'years'] as const;

function codeIn<Name extends string>(names: readonly Name[], reader: RecordReader): Name {
  const name = names[reader.number()];
  assert(name !== undefined, 'record with an unknown code');
  return name;
}

export function writeLock(writer: RecordWriter, { retention, legalHold }: ObjectLock): void {
  writer.number(legalHold ? 1 : 0);
  writer.list(retention === undefined ? [] : [retention], ({ mode, until }) => {
    writer.number(retentionModes.indexOf(mode));
    writer.time(until);
  });
}

export function readLock(reader: RecordReader): ObjectLock {
  const legalHold = reader.number() === 1;
  const [retention] = reader.list(() => ({ mode: codeIn(retentionModes, reader), until: reader.time() }));
  return { retention, legalHold };
}

export function writeRules(writer: RecordWriter, { versioning, objectLock }: BucketRules): void {
  writer.number(versionings.indexOf(versioning));
  writer.list(objectLock === undefined ? [] : [objectLock.defaultRetention], (retention) => {
    writer.list(retention === undefined ? [] : [retention], ({ mode, unit, amount }) => {
      writer.number(retentionModes.indexOf(mode)).number(retentionUnits.indexOf(unit)).number(amount);
    });
  });
}

export function readRules(reader: RecordReader): BucketRules {
  const versioning = codeIn(versionings, reader);
  const [objectLock] = reader.list(() => {
    const [defaultRetention] = reader.list(() => ({
      mode: codeIn(retentionModes, reader),
      unit: codeIn(retentionUnits, reader),
      amount: reader.number(),
    }));
    return { defaultRetention };
  });
  return { versioning, objectLock };
}
