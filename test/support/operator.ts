import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { SMTPServer } from 'smtp-server';
import { Webhook } from 'standardwebhooks';
import { listen } from './http.ts';

/** One alert as the operator's webhook got it. */
export interface ReceivedNotification {
  id: string;
  type: string;
  data: { alertId: string; kind: string; locationId: string | null; details: string; endedAt: string | null };
}

/** The operator's side: an address for webhooks that checks signatures, and a mail server. */
export async function startOperator() {
  const secret = `whsec_${randomBytes(24).toString('base64')}`;
  const webhooks: ReceivedNotification[] = [];
  const mails: string[] = [];
  let status = 204;

  const app = express();
  app.post('/alerts', express.raw({ type: () => true }), (request, response) => {
    const body = request.body.toString('utf8');
    // The time is the program's, which a test moves.
    const at = new Date(Number(request.get('webhook-timestamp')) * 1_000);
    const signature = new Webhook(secret).sign(request.get('webhook-id') as string, at, body);
    const isSignatureValid = signature === request.get('webhook-signature');
    webhooks.push({ id: request.get('webhook-id') as string, ...JSON.parse(body) });
    response.status(isSignatureValid ? status : 401).end();
  });
  const web = await listen(app);

  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, _session, done) {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        mails.push(Buffer.concat(parts).toString('utf8'));
        done();
      });
    },
  });
  await new Promise<void>((ready) => smtp.listen(0, '127.0.0.1', ready));

  return {
    webhooks,
    mails,
    listSubjects: () => mails.map((mail) => /^Subject: (.*)$/m.exec(mail)?.[1]?.trim()),
    /** Sets the status of the webhook's responses from now on. */
    respondWith(next: number) {
      status = next;
    },
    options: {
      alertWebhook: { url: `${web.url}/alerts`, secret },
      alertMail: {
        smtpUrl: `smtp://127.0.0.1:${(smtp.server.address() as AddressInfo).port}`,
        from: 'patchbay@example.com',
        to: 'operator@example.com',
      },
    },
    async [Symbol.asyncDispose]() {
      await web.close();
      await new Promise<void>((closed) => smtp.close(closed));
    },
  };
}
