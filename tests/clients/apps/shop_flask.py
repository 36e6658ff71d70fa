"""The shop of web.py with Flask and Flask-Session: shop_flask.py PORT redis STORE_PORT"""

import datetime
import sys
import threading

import redis
from flask import Flask, jsonify, request, session
from flask_session import Session

PORT, _, STORE_PORT = sys.argv[1:]
app = Flask(__name__)
app.config.update(SESSION_TYPE="redis", SESSION_REDIS=redis.Redis(port=int(STORE_PORT)))
Session(app)
meeting = threading.Barrier(2)


@app.post("/login")
def login():
    session.clear()
    session.update(user=request.args["user"], cart=[])
    app.permanent_session_lifetime = datetime.timedelta(seconds=int(request.args.get("ttl", 3600)))
    return jsonify({})


@app.get("/me")
def me():
    if "user" not in session:
        return jsonify({}), 401
    return jsonify(user=session["user"], cart=session["cart"])


@app.post("/add")
def add():
    if "meet" in request.args:
        meeting.wait()
    session["cart"] = session["cart"] + [request.args["item"]]
    return jsonify({})


@app.post("/logout")
def logout():
    session.clear()
    return jsonify({})


if __name__ == "__main__":
    app.run("127.0.0.1", int(PORT), threaded=True)
