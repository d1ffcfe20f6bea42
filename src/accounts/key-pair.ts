import type { Random } from '../environment.ts';
import type { KeyPair } from './accounts.ts';

const accessAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const accessCharsRandom = 16;
/** 30 bytes are 40 characters of base64, as long as AWS's secret keys. */
const secretBytes = 30;

/** The access key begins with `prefix`, so that people see what it is. */
export function makeKeyPair(random: Random, prefix = 'TRCE'): KeyPair {
  const letters = Array.from(
    { length: accessCharsRandom },
    () => accessAlphabet[random.below(accessAlphabet.length)],
  );
  // Without the two characters of base64 that shells, URLs and config files stumble over.
  const secretKey = Buffer.from(random.bytes(secretBytes)).toString('base64url').replace(/[-_]/g, 'x');
  return { accessKey: `${prefix}${letters.join('')}`, secretKey };
}
