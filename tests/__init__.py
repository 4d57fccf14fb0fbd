"""Tests of hookspan."""
