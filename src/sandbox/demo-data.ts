import type { Simulator } from './highlevel/simulator.ts';

/** Reserved for fiction, as all numbers of the demo. */
export const demoNumber = '+12025550143';
export const demoAddress = 'maya@ortiz.example';

/** Creates an agency with two locations and their contacts. */
export function seedDemo(simulator: Simulator): void {
  simulator.addCompany({ id: 'SandboxCompany000001', name: 'Harbour Agency' });
  const dental = simulator.addLocation({ name: 'Harbour Dental' });
  const fitness = simulator.addLocation({ name: 'Northside Fitness' });
  simulator.addContact(dental.id, {
    name: 'Maya Ortiz',
    phone: demoNumber,
    email: demoAddress,
    tags: ['patient'],
    source: 'front desk',
  });
  simulator.addContact(dental.id, { name: 'Tom Becker', phone: '+12025550117', email: 'tom@becker.example' });
  simulator.addContact(fitness.id, { name: 'Ines Duarte', phone: '+12025550168', email: 'ines@duarte.example' });
}
