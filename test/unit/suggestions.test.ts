import { createEmailChannel } from '../../src/channels/email/email.ts';
import { applySuggestion, type ConfigSuggestions, findSuggestion } from '../../src/channels/suggestions.ts';

const channel = createEmailChannel({ allowPrivateTargets: false });
const suggestions = channel.suggestions as ConfigSuggestions;
const findHost = (address: string) => findSuggestion(suggestions, address)?.values['smtp.host'];

test('the address of a mailbox chooses the servers of its host, and no similar domain does', () => {
  expect(suggestions.options).toHaveLength(10);
  expect(findHost('clinic@gmail.com')).toBe('smtp.gmail.com');
  expect(findHost(' Harbour Dental <Clinic@GoogleMail.com> ')).toBe('smtp.gmail.com');
  expect(findHost('clinic@harbour.onmicrosoft.com')).toBe('smtp.office365.com');
  expect(findHost('clinic@gmx.de')).toBe('mail.gmx.net');
  for (const other of ['clinic@notgmail.com', 'clinic@gmail.com.example', 'gmail.com', '@', ''])
    expect(findHost(other)).toBeUndefined();
});

test('the values of every host are a config that the channel takes', () => {
  for (const { values, endings } of suggestions.options) {
    const config: Record<string, Record<string, unknown>> = { smtp: { password: 'x' }, imap: {} };
    for (const [path, value] of Object.entries(values)) {
      const [server = '', name = ''] = path.split('.');
      Object.assign(config[server] ?? {}, { [name]: name === 'port' ? Number(value) : value });
    }
    expect(channel.configSchema.safeParse({ from: `clinic${endings[0]}`, ...config }).error).toBeUndefined();
  }
});

test('servers that a person has entered are kept, unless the person asks for them', () => {
  const gmail = findSuggestion(suggestions, 'clinic@gmail.com');
  if (!gmail) throw new Error('There is no suggestion.');
  const typed = { 'smtp.host': 'relay.example.com', 'smtp.port': '587', 'smtp.security': 'tls', 'imap.host': ' ' };
  expect(Object.keys(applySuggestion(gmail, typed, false))).toEqual(['imap.host', 'imap.port', 'imap.security']);
  expect(applySuggestion(gmail, typed, true)).toEqual(gmail.values);
});
