import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** A picture that the phone can send. */
export interface Picture {
  name: PictureName;
  /** Path on the sandbox page. */
  path: string;
  contentType: string;
  read(): Buffer;
}

export const pictureNames = ['insurance-card', 'sunset'] as const;

export type PictureName = (typeof pictureNames)[number];

/** Finds a built-in picture. @param assetsFolder folder that the sandbox serves at `/assets` */
export function getPicture(assetsFolder: string, name: PictureName): Picture {
  const file = join(assetsFolder, 'sandbox', `${name}.png`);
  return {
    name,
    path: `/assets/sandbox/${basename(file)}`,
    contentType: 'image/png',
    read: () => readFileSync(file),
  };
}
