"""How people are told what happens: by webhooks, which a server sends beside everything else."""
