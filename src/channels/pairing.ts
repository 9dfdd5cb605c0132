/** What a person still has to do before a connection can send. */
export type Pairing =
  | { readonly status: 'paired' }
  | {
      readonly status: 'waiting';
      /** Data URL of an image. */
      readonly qrCode?: string;
      readonly code?: string;
      readonly url?: string;
      /** Name of the service to which `url` leads, for a sign-in. */
      readonly service?: string;
      readonly expiresAt?: Date;
    };
