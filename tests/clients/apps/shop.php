<?php
// The shop of web.py with PHP's own sessions: php -S 127.0.0.1:PORT shop.php
// One process answers one request at a time; processes meet in the folder MEETING.

parse_str(parse_url($_SERVER['REQUEST_URI'], PHP_URL_QUERY) ?? '', $query);

function answer(array $what, int $status = 200): void
{
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode($what ?: new stdClass());
}

// Waits until a second request of that word is here, too.
function meet(string $word): void
{
    $place = getenv('MEETING') . "/$word.";
    touch($place . getmypid());
    while (count(glob("$place*")) < 2) {
        usleep(1000);
    }
}

if (isset($query['ttl'])) {
    ini_set('session.gc_maxlifetime', $query['ttl']);
}
if (!session_start()) {
    answer(['error' => 'the session does not start'], 500);
    exit;
}
switch (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
    case '/login':
        session_regenerate_id(true);
        $_SESSION = ['user' => $query['user'], 'cart' => []];
        answer([]);
        break;
    case '/me':
        isset($_SESSION['user']) ? answer($_SESSION) : answer([], 401);
        break;
    case '/add':
        if (isset($query['meet'])) {
            meet($query['meet']);
        }
        $_SESSION['cart'][] = $query['item'];
        answer([]);
        break;
    case '/logout':
        session_destroy();
        answer([]);
        break;
    default:
        answer([], 404);
}
