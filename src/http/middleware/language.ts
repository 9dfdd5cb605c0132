import type { RequestHandler } from 'express';
import type { Languages, Text } from '../pages/framework/texts.ts';

declare global {
  namespace Express {
    interface Locals {
      /** Texts in the visitor's language; set for all routes that may respond with a page. */
      text?: Text;
    }
  }
}

/** Chooses the language of a page: `?lang=` before what the browser asks for. */
export function chooseLanguage(languages: Languages): RequestHandler {
  return (request, response, next) => {
    const requested = languages.names.find((name) => name === request.query.lang);
    response.locals.text = languages.text(requested ?? (request.acceptsLanguages([...languages.names]) || ''));
    next();
  };
}
