"""Where each part answers."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("", include("api.urls")), path("admin/", admin.site.urls)]

handler400 = "api.problems.bad_request"
handler404 = "api.problems.not_found"
handler500 = "api.problems.server_error"
