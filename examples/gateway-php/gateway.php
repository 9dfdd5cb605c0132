<?php
// A gateway for Patchbay in PHP (8.2 or later), without dependencies: php -S 127.0.0.1:8802 gateway.php
// See README.md in the folder above it.
declare(strict_types=1);

// PHP without a php.ini writes its warnings into the response.
ini_set('display_errors', '0');
ini_set('log_errors', '1');

$secret = (string) getenv('GATEWAY_SECRET');
$callbackUrl = (string) getenv('CALLBACK_URL');
if (!str_starts_with($secret, 'whsec_') || $callbackUrl === '') {
    respond(500, failure('setup', 'Set GATEWAY_SECRET (whsec_...) and CALLBACK_URL (https://your-patchbay/channels/<connection id>).'));
}
$key = base64_decode(substr($secret, strlen('whsec_')));

class Refusal extends Exception
{
    public function __construct(public int $status, public string $reason, string $message)
    {
        parent::__construct($message);
    }
}

/** Replace this with your provider. Returns its id of the message; throws a Refusal where it refuses one. */
function sendToProvider(array $message): string
{
    $to = (string) ($message['to'] ?? '');
    if (!preg_match('/^(\+\d{6,15}|[^@\s]+@[^@\s]+)$/', $to)) {
        throw new Refusal(400, '21211', 'not an address');
    }
    if ($to === '+15005550001') {
        throw new Refusal(400, '21610', 'the contact has opted out');
    }
    if ($to === '+15005550002') {
        throw new Refusal(429, 'busy', 'too many messages');
    }
    error_log("to $to: " . ($message['text'] ?? ''));
    return bin2hex(random_bytes(16));
}

function sign(string $key, string $id, string $timestamp, string $body): string
{
    return 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
}

/** Verifies the raw bytes. During a change of the secret there are two signatures; one that matches is enough. */
function isSigned(string $key, string $body): bool
{
    $id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
    $timestamp = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    if ($id === '' || !ctype_digit($timestamp) || abs(time() - (int) $timestamp) > 300) {
        return false;
    }
    $expected = sign($key, $id, $timestamp, $body);
    foreach (explode(' ', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $signature) {
        if (hash_equals($expected, $signature)) {
            return true;
        }
    }
    return false;
}

/** Calls Patchbay. In earnest do it from a queue, and repeat it for a while. */
function callBack(string $key, string $url, array $content): void
{
    $body = json_encode($content);
    foreach ([0, 1, 5] as $delay) {
        sleep($delay);
        $id = bin2hex(random_bytes(16));
        $timestamp = (string) time();
        $headers = [
            'content-type: application/json',
            "webhook-id: $id",
            "webhook-timestamp: $timestamp",
            'webhook-signature: ' . sign($key, $id, $timestamp, $body),
        ];
        $options = ['method' => 'POST', 'header' => $headers, 'content' => $body, 'ignore_errors' => true, 'timeout' => 10];
        $stream = @fopen($url, 'r', false, stream_context_create(['http' => $options]));
        if ($stream === false) {
            continue;
        }
        preg_match('/ (\d{3})/', stream_get_meta_data($stream)['wrapper_data'][0] ?? '', $match);
        fclose($stream);
        if ((int) ($match[1] ?? 500) < 500) {
            return;
        }
    }
    error_log("Patchbay could not be reached: $url");
}

function failure(string $code, string $message): array
{
    return ['error' => ['code' => $code, 'message' => $message]];
}

/** Ends the response, so that what follows does not keep Patchbay waiting. */
function respond(int $status, array $content, bool $goesOn = false): void
{
    $body = json_encode($content);
    http_response_code($status);
    header('content-type: application/json');
    header('content-length: ' . strlen($body));
    header('connection: close');
    if ($status === 429) {
        header('retry-after: 5');
    }
    echo $body;
    if (!$goesOn) {
        exit;
    }
    ignore_user_abort(true);
    if (function_exists('fastcgi_finish_request')) {
        fastcgi_finish_request();
    }
    while (ob_get_level() > 0) {
        ob_end_flush();
    }
    flush();
}

if ($_SERVER['REQUEST_METHOD'] !== 'POST' || parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) !== '/send') {
    respond(404, failure('not_found', 'POST /send'));
}
$body = (string) file_get_contents('php://input');
if (!isSigned($key, $body)) {
    respond(401, failure('signature', 'wrong signature'));
}
$message = json_decode($body, true);
if (!is_array($message)) {
    respond(400, failure('json', 'the body is not JSON'));
}

// Responses by webhook-id: a repeat gets the same one, and waits while the first is being sent. Keep them in a database in earnest.
$name = sys_get_temp_dir() . '/gateway-' . hash('sha256', $key . $_SERVER['HTTP_WEBHOOK_ID']);
$file = fopen($name, 'c+');
flock($file, LOCK_EX);
$known = json_decode((string) stream_get_contents($file), true);
if (is_array($known)) {
    respond($known['status'], $known['content']);
}
try {
    $externalId = sendToProvider($message);
    $response = ['status' => 200, 'content' => ['externalId' => $externalId, 'status' => 'accepted']];
} catch (Refusal $refusal) {
    $response = ['status' => $refusal->status, 'content' => failure($refusal->reason, $refusal->getMessage())];
}
// A refusal for now is no result: the next attempt is made.
if ($response['status'] < 500 && !in_array($response['status'], [408, 425, 429], true)) {
    fwrite($file, json_encode($response));
}
fclose($file);
respond($response['status'], $response['content'], true);
if ($response['status'] === 200) {
    // A provider reports these later by a webhook of its own.
    callBack($key, "$callbackUrl/status", ['externalId' => $externalId, 'status' => 'delivered', 'at' => gmdate('c')]);
    if (($message['text'] ?? '') === 'ping') {
        $inbound = ['externalId' => bin2hex(random_bytes(16)), 'from' => $message['to'], 'to' => $message['from'] ?? '+15005550006'];
        callBack($key, "$callbackUrl/inbound", $inbound + ['text' => 'pong']);
    }
}
