import type { Actor } from '../../audit/event.ts';
import type { S3Context } from './operation.ts';
import { principalArn } from './requester.ts';

/** Who asks, for the audit trail. `operation`: AWS's name of it. */
export const actorOf = ({ principal, peer, requestId }: S3Context, operation: string): Actor => ({
  ...{ door: 's3', operation, client: peer, requestId },
  principal: principalArn(principal),
  accessKey: principal.accessKey || undefined,
});
