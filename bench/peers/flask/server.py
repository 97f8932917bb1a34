"""The two endpoints of the apps as in the ancestor of this project: Flask, and a new connection for each request."""

import os
from contextlib import closing
from email.utils import format_datetime
from datetime import timezone

import mysql.connector
from flask import Flask, jsonify, request

IDENTITY = "SELECT @@report_host"
NEWEST = "SELECT id, name, email, created_at FROM users ORDER BY id DESC LIMIT 50"
REGISTER = "INSERT INTO users (name, email) VALUES (%s, %s)"

app = Flask(__name__)


def connect():
    return mysql.connector.connect(
        host=os.environ["DB_HOST"],
        user=os.environ["DB_USER"],
        password=os.environ["DB_PASSWORD"],
        database=os.environ["DB_NAME"],
        time_zone="+00:00",
    )


def http_date(at):
    return format_datetime(at.replace(tzinfo=timezone.utc), usegmt=True)


@app.get("/users")
def users():
    with closing(connect()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(IDENTITY)
        (pod,) = cursor.fetchone()
        cursor.execute(NEWEST)
        rows = cursor.fetchall()
    found = [
        {"id": id, "name": name, "email": email, "created_at": http_date(created_at)}
        for id, name, email, created_at in rows
    ]
    return jsonify(success=True, users=found, mysql_pod=pod)


@app.post("/submit")
def submit():
    typed = request.get_json()
    name, email = typed.get("name"), typed.get("email")
    if not name or "@" not in (email or ""):
        return jsonify(success=False, message="A name and an email are needed."), 422
    try:
        with closing(connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(REGISTER, (name, email))
            connection.commit()
            registered = cursor.lastrowid
    except mysql.connector.errors.IntegrityError:
        return jsonify(success=False, message="This email is registered already."), 409
    return jsonify(success=True, message="User registered successfully!", id=registered)
