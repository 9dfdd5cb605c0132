-- Files are fetched in a queue of their own. Nothing here locks a table.
ALTER TYPE "job_kind" ADD VALUE IF NOT EXISTS 'fetch';
