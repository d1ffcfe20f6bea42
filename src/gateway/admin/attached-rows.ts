import type { Static } from '@sinclair/typebox';
import {
  attachedListSchema,
  attachedPath,
  attachedSchema,
  attachWish,
  refreshWish,
  type AttachWish,
} from './attached.ts';
import { json, type AdminRow } from './row.ts';

const listAttached: AdminRow = {
  name: 'ListAttachedBuckets',
  method: 'GET',
  path: '/v1/cold/attached',
  access: 'granted',
  response: { 200: attachedListSchema },
  handle: async ({ attached }) => json(200, { attached: await attached.list() }),
};

const bucketIn = (params: unknown): string => (params as Static<typeof attachedPath>).bucket;

const attach: AdminRow = {
  name: 'AttachBucket',
  method: 'PUT',
  path: '/v1/cold/attached/:bucket',
  access: 'granted',
  params: attachedPath,
  body: attachWish,
  response: { 200: attachedSchema },
  handle: async ({ attached }, { params, body }) =>
    json(200, await attached.attach(bucketIn(params), body as AttachWish)),
};

const detach: AdminRow = {
  name: 'DetachBucket',
  method: 'DELETE',
  path: '/v1/cold/attached/:bucket',
  access: 'granted',
  params: attachedPath,
  response: { 202: attachedSchema },
  handle: async ({ attached }, { params }) => json(202, await attached.detach(bucketIn(params))),
};

const refresh: AdminRow = {
  name: 'RefreshAttachedBucket',
  method: 'POST',
  path: '/v1/cold/attached/:bucket/refresh',
  access: 'granted',
  params: attachedPath,
  body: refreshWish,
  response: { 202: attachedSchema },
  handle: async ({ attached }, { params, body }) => {
    const { prefix = '' } = body as Static<typeof refreshWish>;
    return json(202, await attached.refresh(bucketIn(params), prefix));
  },
};

/** Buckets of ours that show what lies in ones of others. */
export const attachedRows: readonly AdminRow[] = [listAttached, attach, detach, refresh];
