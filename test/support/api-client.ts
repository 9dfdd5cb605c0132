import type request from 'supertest';

/** The API with these headers. */
export function createApiClient(client: ReturnType<typeof request>, headers: Record<string, string>) {
  return {
    get: (path: string) => client.get(`/api${path}`).set(headers),
    put: (path: string, body: object) => client.put(`/api${path}`).set(headers).send(body),
    post: (path: string, body: object = {}) => client.post(`/api${path}`).set(headers).send(body),
    delete: (path: string) => client.delete(`/api${path}`).set(headers),
  };
}
