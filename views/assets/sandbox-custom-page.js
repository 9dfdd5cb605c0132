/** The parent frame: sends the user context to the app's page on request. */
const frame = document.getElementById('app');

addEventListener('message', async (event) => {
  if (event.source !== frame.contentWindow || event.data?.message !== 'REQUEST_USER_DATA') return;
  const response = await fetch(`/custom-page/context${location.search}`);
  const { payload } = await response.json();
  event.source.postMessage({ message: 'REQUEST_USER_DATA_RESPONSE', payload }, event.origin);
});
