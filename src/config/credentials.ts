import { Type, type TString } from '@sinclair/typebox';
import {
  ACCESS_KEY_CHARS_MAX,
  ACCESS_KEY_CHARS_MIN,
  POLICY_NAME_CHARS_MAX,
  SECRET_KEY_CHARS_MAX,
  SECRET_KEY_CHARS_MIN,
  USER_NAME_CHARS_MAX,
} from '../limits.ts';

/** Names and keys as the config, the environment and the admin API take them. */

/** AWS: names of IAM users. */
export const userName = (options: object): TString =>
  Type.String({ minLength: 1, maxLength: USER_NAME_CHARS_MAX, pattern: '^[A-Za-z0-9_+=,.@-]+$', ...options });

/** AWS: names of inline policies. */
export const policyName = (options: object): TString =>
  Type.String({
    minLength: 1,
    maxLength: POLICY_NAME_CHARS_MAX,
    pattern: '^[A-Za-z0-9_+=,.@-]+$',
    ...options,
  });

export const accessKey = (options: object): TString =>
  Type.String({
    minLength: ACCESS_KEY_CHARS_MIN,
    maxLength: ACCESS_KEY_CHARS_MAX,
    pattern: '^[A-Za-z0-9_.-]+$',
    ...options,
  });

export const secretKey = (options: object): TString =>
  Type.String({ minLength: SECRET_KEY_CHARS_MIN, maxLength: SECRET_KEY_CHARS_MAX, ...options });
