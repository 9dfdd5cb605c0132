import { readActionRequest, readSubscriptionRequest } from '../../src/workflows/read-request.ts';

/** Readers of what HighLevel's workflows send. */
export const workflowReaders = {
  'a request of a workflow action': {
    file: 'workflows/read-request.ts',
    document: {
      data: {
        message: 'hi',
        wait_for: 'reply',
        DYNAMIC: { provider: 'sms' },
        attachments: ['https://x.example/a', { url: 'https://x.example/b' }],
      },
      extras: { locationId: 'L', contactId: 'C', workflowId: 'W', statusId: 'S', stepId: 'T' },
      meta: { key: 'send_message', version: '1.0' },
    },
    required: ['extras', 'extras.locationId'],
    errorCodes: ['payload_invalid'],
    read(json: string) {
      const { data, extras: _extras, ...ids } = readActionRequest(Buffer.from(json));
      const values = ['message', 'wait_for', 'provider'].map((field) => data.find(field) ?? null);
      return { ...ids, values, attachments: data.list('attachments') };
    },
  },
  'a request about a trigger': {
    file: 'workflows/read-request.ts',
    document: {
      triggerData: {
        ...{ id: 'T', key: 'message_failed', eventType: 'CREATED', targetUrl: 'https://x.example/t' },
        filters: [{ field: 'provider', id: 'provider', operator: '==', title: 'Provider', type: 'select', value: 'sms' }],
      },
      meta: { key: 'message_failed', version: '1.0' },
      extras: { locationId: 'L', workflowId: 'W', companyId: 'C' },
    },
    required: ['extras', 'extras.locationId', 'triggerData', 'triggerData.id'],
    errorCodes: ['payload_invalid'],
    read: (json: string) => readSubscriptionRequest(Buffer.from(json)),
  },
};
