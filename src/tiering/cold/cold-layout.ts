/** How content lies in the cold store: in segments, or objects one to one under their own keys where they can. */
export type ColdLayout = 'packed' | 'native';
