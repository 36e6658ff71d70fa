# The shop of web.py with what Rails uses for sessions, its cache store: ruby shop.rb PORT redis STORE_PORT
require 'active_support'
require 'active_support/cache/redis_cache_store'
require 'action_dispatch'
require 'rack/handler/webrick'

LOCK = Mutex.new
ARRIVED = ConditionVariable.new
$here = 0

def answer(what, status = 200)
  [status, { 'Content-Type' => 'application/json' }, [what.to_json]]
end

# Returns when the other request is here, too.
def meet
  LOCK.synchronize do
    $here += 1
    ARRIVED.broadcast
    ARRIVED.wait(LOCK) until $here >= 2
  end
end

def shop(request)
  session = request.session
  case request.path
  when '/login'
    request.reset_session
    session.options[:expire_after] = request.params['ttl'].to_i if request.params['ttl']
    session.update('user' => request.params['user'], 'cart' => [])
    answer({})
  when '/me'
    session['user'] ? answer({ user: session['user'], cart: session['cart'] }) : answer({}, 401)
  when '/add'
    cart = session['cart']
    meet if request.params['meet']
    session['cart'] = cart + [request.params['item']]
    answer({})
  when '/logout'
    request.reset_session
    answer({})
  end
end

port, _, store_port = ARGV
store = ActiveSupport::Cache::RedisCacheStore.new(url: "redis://127.0.0.1:#{store_port}/0",
                                                  error_handler: ->(exception:, **) { raise exception })
app = Rack::Builder.app do
  use ActionDispatch::Cookies
  use ActionDispatch::Session::CacheStore, cache: store, key: '_shop', expire_after: 3600
  run ->(env) { shop(ActionDispatch::Request.new(env)) }
end
Rack::Handler::WEBrick.run(app, Host: '127.0.0.1', Port: port.to_i)
