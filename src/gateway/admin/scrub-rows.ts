import { json, type AdminRow } from './row.ts';
import { scrubSchema } from './scrub.ts';

const startScrub: AdminRow = {
  name: 'StartScrub',
  method: 'POST',
  path: '/v1/scrub',
  access: 'granted',
  response: { 202: scrubSchema },
  handle: async ({ scrub }) => json(202, scrub.start()),
};

const getScrub: AdminRow = {
  name: 'GetScrub',
  method: 'GET',
  path: '/v1/scrub',
  access: 'granted',
  response: { 200: scrubSchema },
  handle: async ({ scrub }) => json(200, scrub.state()),
};

/** Reading everything of all tiers once, to find and mend damage. */
export const scrubRows: readonly AdminRow[] = [startScrub, getScrub];
